// ProxyCore tests
