#!/usr/bin/env bash
# The image and the compose file on a real engine: searches in a container and on the host, a
# worker killed under them, and fit.png on the searches' side. Needs root where no engine runs.
#
# BASE=IMAGE takes that base image; without one, a base is made from Debian's packages and this
# machine's Python 3.12, so that no image registry is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
python=$repo/.venv/bin/python
work=$(mktemp -d /tmp/vizworker-docker-XXXXXX)
engine=

say() { echo "docker-test: $*"; }

end() {
    code=$?
    if [ $code -ne 0 ] && [ -n "${composed:-}" ]; then compose logs --tail 40 worker || true; fi
    if [ -n "${composed:-}" ]; then compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || true; fi
    if [ -n "$engine" ]; then
        kill "$engine" && wait "$engine" || true
    fi
    rm -rf "$work" || true
    [ $code -eq 0 ] && say "passed" || say "FAILED"
    exit $code
}
trap end EXIT

find_engine() {
    if ! command -v dockerd >/dev/null && ! docker info >/dev/null 2>&1; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends docker.io docker-compose iptables
    fi
    # the client that can build: with buildx, or one old enough to need none
    for docker in docker /usr/bin/docker; do
        "$docker" buildx version >/dev/null 2>&1 && break
        case $("$docker" --version) in "Docker version 20."*) break ;; esac
    done
    export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
    if ! "$docker" info >/dev/null 2>&1; then
        say "starting an engine"
        export DOCKER_HOST=unix://$work/docker.sock
        dockerd --data-root "$work/data" --exec-root "$work/exec" --host "$DOCKER_HOST" \
            --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 &
        engine=$!
        for _ in $(seq 100); do
            "$docker" info >/dev/null 2>&1 && return
            sleep 0.2
        done
        tail "$work/dockerd.log"
        return 1
    fi
}

make_base() {
    say "making a base image of Debian and this machine's Python"
    command -v debootstrap >/dev/null || apt-get install -q -y --no-install-recommends debootstrap
    root=$work/root
    debootstrap --variant=minbase --include=ca-certificates,libexpat1 bookworm "$root" \
        >"$work/debootstrap.log"
    prefix=$("$python" -c "import sys; print(sys.base_prefix)")
    tar -C "$prefix" --exclude=site-packages --exclude=test --exclude=__pycache__ -c \
        bin/python3.12 lib | tar -C "$root/usr/local" -x
    ln -s python3.12 "$root/usr/local/bin/python3"
    ln -s python3.12 "$root/usr/local/bin/python"
    # what its modules link against
    for module in "$prefix"/lib/python3.12/lib-dynload/*.so; do ldd "$module"; done |
        awk '$2 == "=>" && $3 ~ /^\/(usr\/)?lib/ { print $3 }' | sort -u |
        while read -r library; do
            [ -e "$root$library" ] || install -D "$(realpath "$library")" "$root$library"
        done
    # certificates this machine trusts, for pip
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    chroot "$root" ldconfig
    tar -C "$root" -c . | "$docker" import - vizworker-test-base >/dev/null
    BASE=vizworker-test-base
}

build() {
    say "building the worker's image on $BASE"
    pip_settings=/etc/pip.conf
    [ -e "$pip_settings" ] || : >"${pip_settings:=$work/pip.conf}"
    "$docker" build --network host --build-arg "BASE=$BASE" --secret "id=pip,src=$pip_settings" \
        --file docker/Dockerfile --tag vizworker-test . >"$work/build.log" 2>&1 ||
        { tail -30 "$work/build.log"; return 1; }
    for absent in jax autolens; do
        ! "$docker" run --rm --entrypoint python vizworker-test -c "import $absent" 2>/dev/null
    done
    "$docker" run --rm --entrypoint id vizworker-test -u | grep -qx 10001
}

compose() { docker-compose --file docker/compose.yaml --file "$work/compose.yaml" "$@"; }

# the search's image is the base, with this machine's PyAutoLens mounted
write_compose() {
    site=$("$python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
    cat >"$work/compose.yaml" <<YAML
services:
  search:
    environment:
      PYTHONPATH: /site:/repo
      HOME: /tmp
      PYAUTO_SKIP_VISUALIZATION: "1"
      JAX_ENABLE_X64: "True"
      XLA_FLAGS: --xla_cpu_multi_thread_eigen=false
    volumes:
      - $site:/site:ro
      - $repo:/repo:ro
YAML
}

worker_is_healthy() {
    [ "$("$docker" inspect -f '{{.State.Health.Status}}' "$worker")" = healthy ]
}

until_healthy() {
    for _ in $(seq 150); do
        worker_is_healthy && return
        sleep 0.5
    done
    return 1
}

figure_in() { find "$1" -name fit.png -size +10k | grep -q .; }

until_figure_in() {
    for _ in $(seq 600); do
        figure_in "$1" && return
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

kill_worker() {
    say "killing the worker"
    kill -9 "$("$docker" inspect -f '{{.State.Pid}}' "$worker")"
}

find_engine
[ -n "${BASE:-}" ] || make_base
build

export COMPOSE_PROJECT_NAME=vizworker-test VIZ_IMAGE=vizworker-test VIZ_KEYS=$work/keys VIZ_USER="$(id -u):$(id -g)"
export VIZ_PORT=${VIZ_PORT:-45555} VIZ_HTTP_PORT=${VIZ_HTTP_PORT:-48080}
export SEARCH_IMAGE=$BASE SEARCH_FOLDER=$work/container
export SEARCH_SCRIPT=/repo/tests/scripts/fit_lens.py SEARCH_ARGUMENTS="/search --viz-every=0.5"
mkdir -p "$work/container" "$work/host"
"$repo/.venv/bin/vizworker" keygen "$VIZ_KEYS" --client search --client host >/dev/null
write_compose

say "bringing the worker up"
composed=yes
compose up -d --no-build worker >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }
worker=$(compose ps -q worker)
until_healthy
"$docker" exec "$worker" sh -c '! touch /here 2>/dev/null' # its root file system is read-only
token=$(cat "$VIZ_KEYS/http.token")
curl -sf -H "Authorization: Bearer $token" "http://127.0.0.1:$VIZ_HTTP_PORT/metrics" >"$work/metrics"
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$VIZ_HTTP_PORT/metrics")" = 401 ]

say "a search in another container"
compose run --rm search >"$work/container.log" 2>&1 &
search=$!
until_figure_in "$work/container" $search || { tail -30 "$work/container.log"; exit 1; }
kill_worker
rm "$(find "$work/container" -name fit.png)"
wait $search || { tail -30 "$work/container.log"; exit 1; }
figure_in "$work/container" || { tail -30 "$work/container.log"; exit 1; }

until_healthy
say "a search on the host"
(
    cd "$work/host"
    VIZ_WORKER_KEYS=$VIZ_KEYS/issued/host.key PYAUTO_SKIP_VISUALIZATION=1 JAX_ENABLE_X64=True \
        XLA_FLAGS=--xla_cpu_multi_thread_eigen=false \
        "$python" -m search_hooks "$repo/tests/scripts/fit_lens.py" "$work/host" \
        "--viz-worker=tcp://127.0.0.1:$VIZ_PORT" --viz-every=0.5
) >"$work/host.log" 2>&1 || { tail -30 "$work/host.log"; exit 1; }
figure_in "$work/host" || { tail -30 "$work/host.log"; exit 1; }

found() { grep -h "maximum log likelihood" "$1"; }
[ "$(found "$work/container.log")" = "$(found "$work/host.log")" ]
grep -h "figures drawn" "$work/container.log" "$work/host.log"
# a search without a key is not let in
rm "$VIZ_KEYS/clients/host.pub"
sleep 1
! VIZ_WORKER_KEYS=$VIZ_KEYS/issued/host.key timeout 20 "$repo/.venv/bin/vizworker" status \
    --endpoint "tcp://127.0.0.1:$VIZ_PORT" >/dev/null 2>&1
say "the worker started $("$docker" inspect -f '{{.RestartCount}}' "$worker") time again"
