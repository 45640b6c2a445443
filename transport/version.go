package transport

// Version is the version of this module. The identify layer sends it in
// X-Prefactor-SDK and User-Agent.
const Version = "0.1.0"
