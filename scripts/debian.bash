# Sourced by the scripts that install programs.

script=scripts/${0##*/}

fail() {
    echo "$script: $*" >&2
    exit 1
}

# install_packages: the Debian packages whose names are on stdin, in words or lines; nothing if there are none.
install_packages() {
    local -a packages root=()
    mapfile -t packages < <(tr ' ' '\n' | sort -u)
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "not installed (names of Debian packages): ${packages[*]}"
    [ "$(id -u)" = 0 ] || root=(sudo)
    echo "$script: installing ${packages[*]}" >&2
    "${root[@]}" apt-get update -qq >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
}
