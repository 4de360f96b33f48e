"""Plans and their impact, as text, as Markdown and as a comment on a pull request."""
