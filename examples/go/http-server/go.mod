module example/http-server

go 1.21
