#!/bin/sh
# Installs the system packages that the build, the window and the tests need, where they are missing.
# Debian/Ubuntu (apt), Fedora (dnf), Arch (pacman) and Homebrew are known. sudo is used only if not root.
# Nothing is installed, and no network is used, when all are there. Arguments are further packages of Debian and Ubuntu.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Prints the arguments for which `$check ARGUMENT` fails.
missing() {
    for package in "$@"; do
        $check "$package" >/dev/null 2>&1 || printf '%s ' "$package"
    done
}

debian_has() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if command -v apt-get >/dev/null; then
    check=debian_has
    wanted=$(missing build-essential pkg-config clang libclang-dev ffmpeg \
        libavcodec-dev libavformat-dev libavutil-dev libswscale-dev \
        libvulkan1 mesa-vulkan-drivers libxkbcommon-x11-0 libwayland-client0 libx11-6 libx11-xcb1 libxcursor1 libxi6 xvfb xauth "$@")
    [ -z "$wanted" ] && exit 0
    echo "Installing: $wanted"
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted </dev/null
elif command -v dnf >/dev/null; then
    check='rpm -q --whatprovides'
    wanted=$(missing gcc gcc-c++ make pkgconf-pkg-config clang clang-devel vulkan-loader mesa-vulkan-drivers \
        libxkbcommon-x11 libwayland-client libX11 libX11-xcb libXcursor libXi xorg-x11-server-Xvfb \
        ffmpeg-free 'pkgconfig(libavcodec)' 'pkgconfig(libavformat)' 'pkgconfig(libavutil)' \
        'pkgconfig(libswscale)')
    # RPM Fusion's ffmpeg does as well as Fedora's own.
    if command -v ffmpeg >/dev/null; then wanted=$(echo "$wanted" | sed 's/ffmpeg-free //'); fi
    [ -z "$wanted" ] && exit 0
    echo "Installing: $wanted"
    # shellcheck disable=SC2086
    as_root dnf install -y $wanted </dev/null
elif command -v pacman >/dev/null; then
    check='pacman -Q'
    wanted=$(missing base-devel pkgconf clang ffmpeg vulkan-icd-loader vulkan-swrast libxkbcommon-x11 wayland libx11 \
        libxcursor libxi xorg-server-xvfb)
    [ -z "$wanted" ] && exit 0
    echo "Installing: $wanted"
    # shellcheck disable=SC2086
    as_root pacman -S --needed --noconfirm $wanted </dev/null
elif command -v brew >/dev/null; then
    check='brew list --versions'
    wanted=$(missing pkgconf ffmpeg llvm)
    [ -z "$wanted" ] && exit 0
    echo "Installing: $wanted"
    # shellcheck disable=SC2086
    brew install $wanted </dev/null
else
    echo "No known package manager (apt, dnf, pacman, brew) was found." >&2
    echo "Please install by hand: a C compiler, pkg-config, clang with libclang, and the development files of FFmpeg." >&2
fi
