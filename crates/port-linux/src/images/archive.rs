//! Images in archives: saving, loading, and finding a module in layers that are archives.
