from . import hub_client_collection
from . import product_template
from . import product_product
from . import product_parts
