// Package transport composes stacks of [http.RoundTripper] layers and sends
// single API calls through them.
//
// A [Stack] is an immutable list of [Layer] values, the outermost first. It is
// edited by position and by name, prints itself, and is checked as a whole when
// it is built on a base round tripper:
//
//	stack := middleware.Default(cfg).PerCall(audit).Wire(signing)
//	rt, err := stack.RoundTripper(middleware.NewBase(cfg))
//	client, err := transport.NewClient(cfg.APIURL, rt)
//
// A [Client] turns an operation ([Op]) and its input into one request, sends it
// through the round tripper, and turns the response into the operation's model or
// an [errs.Error]. It works over any round tripper: whatever layer is missing,
// results are decoded and errors are typed.
//
// # Writing a layer
//
// A layer is a [LayerFunc], which owns the request that it gets:
//
//	mesh := transport.NewLayerFunc("mesh", transport.PerAttempt,
//		func(req *http.Request, next transport.Next) (*http.Response, error) {
//			req.Header.Set("X-Mesh", "blue")
//			return next(req)
//		})
//
// A round tripper that exists already becomes a layer by [NewLayer].
//
// A layer of your own keeps the contract of [http.RoundTripper]. In particular:
//
//   - A response is returned without an error, and an error without a response.
//     An error status is a response; [Outcome] says which failure it is.
//   - A request that came through RoundTrip is never changed, and one that was
//     handed on isn't touched again.
//   - Every request body is closed, also where nothing is sent, and every
//     response body that isn't returned.
//   - A body is sent again only from GetBody.
//   - State of one call is kept in its context or on the stack, not in the layer.
//   - A layer that refuses requests returns an [errs.RejectedError].
//   - A layer that bounds attempts ends its context with an [errs.NetworkError] as
//     the cause, so that its limit isn't taken for a cancellation by the caller.
//
// Package prefactortest/conformance tests a layer against these rules.
//
// # What a layer may learn
//
// [CallFrom] returns the API call that a request belongs to: operation, route, key,
// attempts so far. [Outcome] returns what came of a request, and [Read] the
// response's document. They work at any position and with any foreign layer in
// between, because what is learned of a response rides in its body: status, header
// and bytes stay as the server sent them.
//
// A layer that makes requests of its own on the side, such as for a token, makes
// them with [WithoutCall].
package transport
