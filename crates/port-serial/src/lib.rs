//! Talks to a microcontroller over a serial port or a socket.
