"""Stage `sbom`: what is this model made of, and what is known of it."""
