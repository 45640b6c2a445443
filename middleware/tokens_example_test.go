package middleware_test

import (
	"context"
	"fmt"

	"github.com/prefactordev/prefactor-go/middleware"
	"github.com/prefactordev/prefactor-go/prefactortest"
	"github.com/prefactordev/prefactor-go/transport"
)

// The token is fetched from elsewhere, and fetched again when the API refuses
// it. Here the first one has been revoked.
func ExampleRefreshingToken() {
	source := middleware.RefreshingToken(func(ctx context.Context) (transport.Secret, error) {
		// Ask the company's token service, with ctx.
		return transport.NewSecret(prefactortest.Token), nil
	})

	cfg := middleware.NewConfig("https://prefactor.test", "replaced below")
	stack := middleware.Default(cfg).Replace("auth", middleware.Auth(cfg.APIURL, source))
	fmt.Println(read(context.Background(), exampleClient(stack, prefactortest.New())))
	// Output: <nil>
}

// Any source like one of golang.org/x/oauth2, such as
// clientcredentials.Config.TokenSource, which renews its token before it
// expires.
func ExampleTokenFunc() {
	var source oauth2TokenSource = clientCredentials{}

	cfg := middleware.NewConfig("https://prefactor.test", "replaced below")
	auth := middleware.Auth(cfg.APIURL, middleware.TokenFunc(func(context.Context) (transport.Secret, error) {
		token, err := source.Token()
		if err != nil {
			return transport.Secret{}, err
		}
		return transport.NewSecret(token.AccessToken), nil
	}))
	stack := middleware.Default(cfg).Replace("auth", auth)
	fmt.Println(read(context.Background(), exampleClient(stack, prefactortest.New())))
	// Output: <nil>
}

// The rest replaces golang.org/x/oauth2 in this example.

type oauth2TokenSource interface{ Token() (*oauth2Token, error) }

type oauth2Token struct{ AccessToken string }

type clientCredentials struct{}

func (clientCredentials) Token() (*oauth2Token, error) {
	return &oauth2Token{AccessToken: prefactortest.Token}, nil
}
