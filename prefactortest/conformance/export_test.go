package conformance

import "time"

// SetPatience changes how long a step of a suite may take.
func SetPatience(d time.Duration) { patience = d }
