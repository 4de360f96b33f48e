"""What ``validate`` found, in the forms that other programs read. Each module has one ``render``."""
