#!/bin/sh
# Has Burrow keep the image at a URL, reads it back, and compares it with what the origin sends.
#
#   keep.sh URL
#
# BURROW_URL is Burrow's address (http://127.0.0.1:3000), BURROW_TOKEN a token if it needs one.
set -eu

burrow=${BURROW_URL:-http://127.0.0.1:3000}
url=$1

ask() {
    curl --fail-with-body --silent --show-error ${BURROW_TOKEN:+--header "authorization: Bearer $BURROW_TOKEN"} "$@"
}

# The job is on Burrow's disk before the answer. `prefer: wait=30` makes the answer wait until the job has ended.
image=$(jq --null-input --arg url "$url" '{url: $url, tags: ["curl"]}' |
    ask "$burrow/images" --header 'content-type: application/json' --header 'prefer: wait=30' --data @-)

case $(printf %s "$image" | jq --raw-output .status) in
    ready) ;;
    failed)
        printf %s "$image" | jq --raw-output .error >&2
        exit 1
        ;;
    *)
        echo "not yet stored; ask $burrow/images/$(printf %s "$image" | jq --raw-output .id) again later" >&2
        exit 1
        ;;
esac

content=$burrow$(printf %s "$image" | jq --raw-output .content)
kept=$(ask "$content" | sha256sum)
original=$(curl --fail --silent --show-error --location "$url" | sha256sum)
if [ "$kept" != "$original" ]; then
    echo "Burrow has other bytes than $url" >&2
    exit 1
fi
printf %s "$image" | jq '{name, media_type, width, height, size, stored_size, sha256}'
