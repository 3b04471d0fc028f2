#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# documents.sh BUILD - shell scripts parse, man pages render and name every option that --help
# names, the README shows the two commands, nothing tracked is large or names this machine.
set -u
build=$1 bad=0
complain() { echo "documents: $1"; bad=1; }
for f in $(git ls-files '*.sh') .ci/run; do
    case $(head -n 1 "$f") in
    *bash*) bash -n "$f" || complain "$f does not parse" ;;
    *) sh -n "$f" || complain "$f does not parse" ;;
    esac
done
grep -q 'make demo' README.md && grep -q 'make test' README.md || complain "README.md lacks the two commands"
for tool in plimsoll memreport; do
    [ -x "$build/$tool" ] || continue
    page=docs/man/$tool.1
    [ -f "$page" ] || { complain "$page is missing"; continue; }
    if command -v mandoc >/dev/null 2>&1; then
        mandoc -T lint -W error "$page" || complain "$page does not render"
    fi
    for option in $("$build/$tool" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u); do
        sed 's/\\-/-/g; s/\\(mi/-/g' "$page" | grep -q -e "${option#--}" || complain "$page does not name $option"
    done
done
large=$(git ls-files -z | xargs -0 -r du -k 2>/dev/null | awk '$1 > 512 { print $2 }')
[ -z "$large" ] || complain "large tracked files: $large"
here=$(git grep -nIF -e "$(dirname "$(pwd)")/" -- . | grep -v '^test/lint/' | head -n 3)
[ -z "$here" ] || complain "paths of this machine: $here"
exit $bad
