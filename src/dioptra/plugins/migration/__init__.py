"""Turning raw folders of decorated functions into plugin projects."""
