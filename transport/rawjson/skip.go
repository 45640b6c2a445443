//go:build !goexperiment.jsonv2 || go1.27

package rawjson

import "errors"

// errSkip is what an unmarshal function returns for a value that it leaves to the
// package json.
var errSkip = errors.ErrUnsupported
