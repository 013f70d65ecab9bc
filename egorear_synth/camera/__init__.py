"""The camera: from light along rays to the bytes of a JPEG file."""
