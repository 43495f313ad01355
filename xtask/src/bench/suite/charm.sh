set -e
case "$JUJU_DISPATCH_PATH" in
actions/greet) action-set greeting="Hello, $(action-get name)!" ;;
*)
    status-set active "$(config-get title)"
    date +%s%N > "$STAMP.new"
    mv "$STAMP.new" "$STAMP"
    ;;
esac
