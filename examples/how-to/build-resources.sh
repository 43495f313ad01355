#!/bin/sh
# Runs in a directory of its own; what it makes there are the resources.
set -e
printf 'Moby Dick' > book.txt
