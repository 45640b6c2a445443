package prefactortest

func ping(*Fake, *call) action {
	return func() (any, *failure) { return statusDoc{Status: "success"}, nil }
}
