// SPDX-License-Identifier: Apache-2.0

// The smallest guest in Go:
//
//	thimble run hello-go.wasm one two -e COLOUR=blue
//
// Ordinary Go, built with GOOS=wasip1 GOARCH=wasm. It brings Go's runtime along, about 2 MB, so it suits
// Linux devices. It needs no grant.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("Hello from Go!")
	for i, argument := range os.Args[min(1, len(os.Args)):] {
		fmt.Printf("argument %d: %s\n", i+1, argument)
	}
	if colour := os.Getenv("COLOUR"); colour != "" {
		fmt.Printf("COLOUR is %s\n", colour)
	}
}
