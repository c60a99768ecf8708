"""One module per revision; each runs the files of its folder under sql/."""
