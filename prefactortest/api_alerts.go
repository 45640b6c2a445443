package prefactortest

// An alertRecord is the current state of an alert. It is guarded by the fake's
// lock.
type alertRecord struct{}
