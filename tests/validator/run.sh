#!/bin/sh
# run.sh - fetches the validator's packages once, then lets it judge the server's answers.
#
#     run.sh WORK_FOLDER MOONBID SHARED_DATA
#
# Packages go to WORK_FOLDER (in the build folder). Ends with 77, and says why, where node, npm or the packages cannot be had.
work=$1
moonbid=$2
shared=$3
here=$(cd "$(dirname "$0")" && pwd) || exit 1

skip() {
    echo "skipped: $1"
    exit 77
}

command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"
mkdir -p "$work" && cd "$work" || exit 1
if ! cmp -s "$here/package-lock.json" installed.json || [ ! -d node_modules ]; then
    rm -f installed.json
    cp "$here/package.json" "$here/package-lock.json" . || exit 1
    timeout 45 npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=0 >npm.log 2>&1 ||
        skip "npm has not given the packages: $(grep -v '^npm warn' npm.log | head -n 2 | tr '\n' ' ')"
    cp package-lock.json installed.json || exit 1
fi
cp "$here/check.mjs" "$here/documented.mjs" "$here/types.ts" "$here/tsconfig.json" . || exit 1
exec node check.mjs "$moonbid" "$here" "$shared"
