"""A whole capture at once: read and matched when it is uploaded, checked as long work, shown meter by meter."""
