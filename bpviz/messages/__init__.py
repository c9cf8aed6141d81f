"""Text for people: quoting, suggestions, mistakes with their places, annotations of CI."""
