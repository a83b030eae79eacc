"""The commands of `storehouse`, by what they are about."""
