// Placeholder translation unit; replaced by the shims.
