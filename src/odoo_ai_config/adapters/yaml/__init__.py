"""
Authored YAML text, and the only home of ruamel.yaml.
"""
