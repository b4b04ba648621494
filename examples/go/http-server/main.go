// SPDX-License-Identifier: Apache-2.0

// A web server with Go's own net/http:
//
//	thimble run http-server-go.wasm --listen tcp/8080
//
// Go's WASI port cannot open sockets, but it can serve one that the runtime opened: it is file descriptor 3,
// or the number in LISTEN_FD when mounted directories come first. `/` answers with a page, `/quit` ends the
// guest with exit code 0 after it has answered.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("bye")
}

func serve() error {
	fd := 3
	if text := os.Getenv("LISTEN_FD"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("LISTEN_FD: %w", err)
		}
		fd = number
	}
	// A blocking accept would hold up the goroutines that serve: Go has one thread here.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("no listener at descriptor %d (start me with --listen): %w", fd, err)
	}
	listener, err := net.FileListener(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		return fmt.Errorf("no listener at descriptor %d: %w", fd, err)
	}

	var mux http.ServeMux
	server := http.Server{Handler: &mux}
	stopped := make(chan error, 1)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "Hello from Go in a container")
	})
	mux.HandleFunc("/quit", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "bye")
		// Shutdown waits for this handler, so it must not run inside it.
		go func() { stopped <- server.Shutdown(context.Background()) }()
	})

	fmt.Println("ready")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
