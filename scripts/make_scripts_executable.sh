#!/bin/sh
# Makes every program in this folder executable: copies and archives lose the mode.
set -eu

for file in "$(dirname "$0")"/*; do
    if [ -f "$file" ] && [ "$(head -c 2 "$file")" = "#!" ]; then
        chmod +x "$file"
        echo "$file"
    fi
done
