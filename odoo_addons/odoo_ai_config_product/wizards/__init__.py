from . import product_choice
