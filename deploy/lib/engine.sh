# shellcheck shell=bash
# What a fresh Debian machine lacks, found or made: a container engine, and a small image without a registry.
#
# Sourced by deploy/quickstart and tests/run, which set `-euo pipefail`. Everything that installs or starts something says so
# first. Nothing here ends or removes what it did not make.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

# Runs a command as root.
as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "\`$*\` needs root, and there is no sudo; run it as root, then start again"
    fi
}

# apt_root ARGUMENTS…: apt-get as root, without questions.
apt_root() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >&2; }

# apt_install PACKAGE…: refreshes the package lists only when the machine's own do not suffice.
apt_install() {
    command -v apt-get >/dev/null || die "there is no apt-get here; install $* yourself, then start again"
    say "installing Debian's $* (apt-get install --no-install-recommends)"
    apt_root install -y --no-install-recommends "$@" 2>/dev/null && return
    say "refreshing the package lists (apt-get update)"
    apt_root update
    apt_root install -y --no-install-recommends "$@"
}

# wait_until SECONDS COMMAND…: polls until the command succeeds; fails when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# ---- The engine -------------------------------------------------------------------------------------------------------

engine_answers() { docker version >/dev/null 2>&1; }

# Makes sure that an engine answers, and exports DOCKER_HOST so that the docker command, wharf and the tests mean the same one.
engine_ensure() {
    local given=${DOCKER_HOST:-}
    export DOCKER_HOST=${given:-unix:///var/run/docker.sock}
    command -v docker >/dev/null || engine_install
    engine_answers && return
    [[ -z $given ]] || die "no engine answers at DOCKER_HOST=$given; start it, or unset DOCKER_HOST"
    engine_refuses_user && die "you may not use the engine's socket: \`sudo usermod -aG docker $(id -un)\`, then log in again"
    command -v dockerd >/dev/null || [[ -x /usr/sbin/dockerd ]] || engine_install
    engine_answers || engine_start
}

# An engine that runs, on a socket that this user may not write to.
engine_refuses_user() { [[ -S /var/run/docker.sock && ! -w /var/run/docker.sock ]]; }

engine_install() {
    apt_install docker.io
    # Since Debian 13 the docker command is a package of its own.
    command -v docker >/dev/null || apt_install docker-cli
}

engine_start() {
    if [[ -d /run/systemd/system ]]; then
        say "starting the engine (systemctl start docker)"
        as_root systemctl start docker
    elif ! engine_is_starting; then
        engine_start_in_background
    fi
    wait_until 60 engine_is_up || engine_failed
    engine_answers || engine_ensure_access
}

# The socket takes connections, whether this user may use it or not.
engine_is_up() { engine_answers || as_root docker version >/dev/null 2>&1; }

engine_ensure_access() {
    die "the engine runs; you may use it after \`sudo usermod -aG docker $(id -un)\` and a new login (or run this as root)"
}

# Installing the package may have started it already.
engine_is_starting() {
    local pid
    pid=$(cat /var/run/docker.pid 2>/dev/null) && [[ -d /proc/$pid ]]
}

ENGINE_LOG=/var/log/wharf-dockerd.log

engine_start_in_background() {
    say "starting the engine in the background (dockerd, log in $ENGINE_LOG)"
    say "  it stays when this script ends; end it with: kill \$(cat /var/run/docker.pid)"
    # A session of its own, so that Ctrl-C here does not end it; and none of our files, so that nobody who reads our output
    # waits for it.
    as_root sh -c "setsid dockerd >$ENGINE_LOG 2>&1 </dev/null &"
}

engine_failed() {
    [[ ! -r $ENGINE_LOG ]] || tail -n 20 "$ENGINE_LOG" >&2
    die "the engine does not answer after 60 s; look at its log above, or at \`journalctl -u docker\`"
}

# ---- An image without a registry --------------------------------------------------------------------------------------

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# image_ensure NAME: makes sure that the engine has the image NAME: a static busybox, its applets, and nothing else.
image_ensure() {
    image_exists "$1" && return
    say "making the image $1 from Debian's static busybox (no registry is asked)"
    local root
    root=$(mktemp -d)
    image_tree "$root"
    tar --create --numeric-owner --owner=0 --group=0 --directory="$root" . |
        docker import --change 'ENV PATH=/bin' --change 'CMD ["/bin/sh"]' - "$1" >/dev/null
    rm -rf "$root"
}

# image_tree DIR: the image's files.
image_tree() {
    mkdir -p "$1"/{bin,data,etc,root,tmp,workspace}
    chmod 755 "$1"
    chmod 1777 "$1/tmp"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
    busybox_copy "$1/bin/busybox"
    local applet
    for applet in $("$1/bin/busybox" --list); do
        [[ $applet == busybox ]] || ln -s busybox "$1/bin/$applet"
    done
}

# busybox_copy FILE: a static busybox; this machine's own, or one unpacked from Debian's package without installing it.
busybox_copy() {
    if busybox_is_static /bin/busybox; then
        cp /bin/busybox "$1"
        return
    fi
    command -v apt-get >/dev/null || die "no static /bin/busybox, and no apt-get to fetch one with; put one there"
    say "fetching Debian's busybox-static (apt-get download; unpacked, not installed)"
    local package
    package=$(mktemp -d)
    (cd "$package" && package_download busybox-static)
    dpkg-deb --extract "$package"/busybox-static_*.deb "$package"
    cp "$package/bin/busybox" "$1"
    rm -rf "$package"
}

# ldd fails for a static program, and says so.
busybox_is_static() { [[ -x $1 && $(LC_ALL=C ldd "$1" 2>&1 || true) =~ "not a dynamic executable"|"statically linked" ]]; }

# package_download PACKAGE: into the current directory. apt's own sandbox user could not write there.
package_download() {
    local download=(apt-get -qq -o APT::Sandbox::User=root download "$1")
    "${download[@]}" 2>/dev/null && return
    say "refreshing the package lists (apt-get update)"
    apt_root update
    "${download[@]}" >&2
}
