#!/bin/sh
# Keeps the images of a long list, tries again what failed, and writes a copy of them all.
#
#     keep.sh list.txt
#
# BURROW_STORE is the directory of the images (burrow-data). What failed in the end is in failed.jsonl.
set -eu
list=$1

# 1 says that some failed; what is wrong with the program or the store ends this script.
burrow add --from "$list" --failed failed.jsonl || [ $? -eq 1 ]
if [ -s failed.jsonl ]; then
    # A list of what failed is a list, too.
    mv failed.jsonl again.jsonl
    burrow add --from again.jsonl --failed failed.jsonl || [ $? -eq 1 ]
fi
burrow repack
burrow verify
burrow export vault.tar
burrow stats
