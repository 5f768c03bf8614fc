// SIPTransaction tests
