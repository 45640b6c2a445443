//go:build goexperiment.jsonv2 && !go1.27

package rawjson

import "encoding/json/v2"

// errSkip has a value of its own in the experiment of Go 1.26.
var errSkip = json.SkipFunc
