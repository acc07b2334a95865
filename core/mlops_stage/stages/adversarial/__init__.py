"""Stage `adversarial`: how small a change of the inputs changes the model's answer."""
