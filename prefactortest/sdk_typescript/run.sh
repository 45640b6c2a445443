#!/bin/sh
# Runs the official TypeScript SDK from npm, unchanged, against prefactor-fake
# and checks what the fake holds. Skips where Node or npm don't answer.
#
#   prefactortest/sdk_typescript/run.sh [version of @prefactor/core]
set -eu

version=${1:-latest}
here=$(cd "$(dirname "$0")" && pwd)
agent=013xrzp12g3nqk8nagent00000000000

skip() {
	echo "SKIP: $1"
	exit 0
}

command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"

work=$(mktemp -d)
fake=
cleanup() {
	[ -z "$fake" ] || kill "$fake" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

cp "$here/record.mjs" "$work"
cd "$work"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --fetch-timeout=20000 --fetch-retries=1 "@prefactor/core@$version" >npm.log 2>&1 ||
	skip "npm gives no @prefactor/core@$version: $(grep -m 1 -i error npm.log || echo no answer)"

(cd "$here/../prefactor-fake" && go build -o "$work/prefactor-fake" .)

# record runs the SDK against a fake with the given flags.
record() {
	agentID=$1
	shift
	rm -f fake.log # of the fake before
	"$work/prefactor-fake" -addr 127.0.0.1:0 "$@" >fake.log &
	fake=$!
	until grep -qs '^listening on ' fake.log; do
		kill -0 "$fake"
		sleep 0.05
	done
	url=$(sed -n 's/^listening on //p' fake.log)
	if ! node record.mjs "$url" "$agentID"; then
		echo "FAIL: prefactor-fake $*" >&2
		cat fake.log >&2
		exit 1
	fi
	kill -TERM "$fake"
	wait "$fake"
	fake=
	tail -n 1 fake.log
}

record ""
record "$agent" -strict
record "$agent" -with=drop-unknown
# The faults of a storm. A version that repeats without a key is spared those that
# come after the commit: no server can keep it from making duplicates.
struck=0
for seed in 1 2 3 4 5 6 7 8; do
	record "$agent" -fault-rate 0.3 -with=spare-keyless -seed "$seed"
	struck=$((struck + $(sed -n 's/.* \([0-9]*\) struck by faults$/\1/p' fake.log)))
done
[ "$struck" -ge 10 ] || { echo "FAIL: $struck requests were struck: that is no storm" >&2 && exit 1; }
echo "ok: @prefactor/core $(node -p "require('./node_modules/@prefactor/core/package.json').version") on node $(node --version)"
