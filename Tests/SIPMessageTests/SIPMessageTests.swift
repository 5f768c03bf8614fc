// SIPMessage tests
