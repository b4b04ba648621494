//! Every container's state; decides who runs next and for how long.
