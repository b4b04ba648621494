//! Makes images: packs modules, reads recipes, checks what is asked for against what is used.
