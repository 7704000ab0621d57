"""What answers predictions, inside the image's environment: handlers, codecs and the model server."""
