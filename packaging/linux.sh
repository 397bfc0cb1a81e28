#!/bin/sh
# Makes a .deb and a tarball of the built program:  packaging/linux.sh PROGRAM OUT
#
# The .deb depends on this distribution's own packages (FFmpeg's libraries among them), so it is for the release of Debian or Ubuntu
# that it was made on. The tarball brings the libraries that the program was built with, states their licences, and is for any
# x86-64 or arm64 Linux whose C library is not older than this one.
set -eu
cd "$(dirname "$0")/.."
[ $# = 2 ] || { echo "usage: packaging/linux.sh PROGRAM OUT" >&2; exit 2; }
program=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
for tool in dpkg-deb dpkg-shlibdeps dpkg-query strip patchelf; do
    command -v $tool >/dev/null || { echo "$tool is missing (packages dpkg-dev, binutils, patchelf)" >&2; exit 1; }
done

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A folder of mktemp is its owner's alone.
umask 022
chmod 755 "$work"

# What both hold, below a prefix.
stage() {
    install -D -m 755 "$work/motionlens" "$1/bin/motionlens"
    install -D -m 644 packaging/motionlens.desktop "$1/share/applications/motionlens.desktop"
    install -D -m 644 packaging/motionlens.svg "$1/share/icons/hicolor/scalable/apps/motionlens.svg"
    install -d "$1/share/doc/motionlens"
    install -m 644 README.md LICENSE-MIT LICENSE-APACHE "$1/share/doc/motionlens/"
}
strip -o "$work/motionlens" "$program"

# The .deb.
deb=$work/deb
stage "$deb/usr"
mv "$deb/usr/share/doc/motionlens/LICENSE-MIT" "$deb/usr/share/doc/motionlens/copyright"
cat LICENSE-APACHE >>"$deb/usr/share/doc/motionlens/copyright"
rm "$deb/usr/share/doc/motionlens/LICENSE-APACHE"
# What the program is linked with, and what it looks for when it opens the window.
mkdir -p "$work/debian"
printf 'Source: motionlens\nMaintainer: none\n\nPackage: motionlens\nArchitecture: any\n' >"$work/debian/control"
linked=$(cd "$work" && dpkg-shlibdeps -O motionlens | sed -n 's/^shlibs:Depends=//p')
[ -n "$linked" ] || { echo "dpkg-shlibdeps says nothing of what the program is linked with" >&2; exit 1; }
opened="libvulkan1, libxkbcommon-x11-0, libwayland-client0, libx11-6, libx11-xcb1, libxcursor1, libxi6, libfontconfig1"
mkdir "$deb/DEBIAN"
cat >"$deb/DEBIAN/control" <<END
Package: motionlens
Version: $version
Architecture: $arch
Maintainer: The MotionLens authors <maintainers@motionlens.invalid>
Installed-Size: $(du -sk "$deb/usr" | cut -f 1)
Depends: $linked, $opened
Recommends: mesa-vulkan-drivers
Section: video
Priority: optional
Description: see why a video action model says what it says
 MotionLens opens a video, runs a CLIP-based zero-shot action model on this
 machine, and shows what it takes for motion, what for static content, and how
 each positive and negative prompt moves the score.
END
dpkg-deb --root-owner-group --build "$deb" "$out/motionlens_${version}_$arch.deb"

# The tarball.
name=motionlens-$version-linux-$arch
tree=$work/$name
stage "$tree"
sed 's|^Exec=.*|Exec=@PREFIX@/bin/motionlens %f|; s|^Icon=.*|Icon=@PREFIX@/share/icons/hicolor/scalable/apps/motionlens.svg|' \
    packaging/motionlens.desktop >"$tree/share/applications/motionlens.desktop"
install -m 755 packaging/desktop-entry.sh "$tree/desktop-entry.sh"
install -m 644 packaging/tarball.md "$tree/README.md"
mkdir -p "$tree/lib" "$tree/licences"
# What belongs to the machine, because it goes with its kernel, drivers and display: the C and C++ libraries, X11, Wayland, DRM, GL, Vulkan.
machine='^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|mvec|gcc_s|stdc[+][+]|drm|X11|X11-xcb|xcb|Xau|Xdmcp|Xext|Xfixes|GL|GLX|GLdispatch|EGL|vulkan)|libxcb-(dri2|dri3|glx|present|randr|shape|sync|xfixes)|libdrm_.*|libwayland-.*)[.]so'
ldd "$work/motionlens" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | grep -Ev "$machine" | sort >"$work/libraries"
[ -s "$work/libraries" ] || { echo "ldd names no library of FFmpeg" >&2; exit 1; }
: >"$work/packages"
while read -r soname path; do
    install -m 644 "$(readlink -f "$path")" "$tree/lib/$soname"
    patchelf --set-rpath "\$ORIGIN" "$tree/lib/$soname"
    # dpkg knows a library by /usr/lib or by /lib, which may be one folder.
    real=$(readlink -f "$path")
    package=$(dpkg-query -S "$real" 2>/dev/null || dpkg-query -S "${real#/usr}" 2>/dev/null || true)
    package=$(printf '%s\n' "$package" | head -n 1 | sed 's/: .*//')
    [ -n "$package" ] || { echo "no package has $path, so its licence is not known" >&2; exit 1; }
    echo "$soname $package" >>"$work/packages"
done <"$work/libraries"
patchelf --set-rpath "\$ORIGIN/../lib" "$tree/bin/motionlens"
. /etc/os-release
{
    cat packaging/licences.md
    echo
    echo "Built on ${PRETTY_NAME:-this machine}. Library, package, version, source package:"
    echo
    while read -r soname package; do
        dpkg-query -W -f "$soname  \${binary:Package} \${Version}  source \${source:Package} \${source:Version}\n" "$package"
        file=${package%%:*}
        [ -f "$tree/licences/$file" ] || cp -L "/usr/share/doc/$file/copyright" "$tree/licences/$file"
    done <"$work/packages"
} >"$tree/licences/README.md"
# GPL and LGPL are named there by where Debian has their texts.
mkdir "$tree/licences/common"
cp -L /usr/share/common-licenses/* "$tree/licences/common/"
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$out/$name.tar.gz" "$name"
ls -l "$out/motionlens_${version}_$arch.deb" "$out/$name.tar.gz"
