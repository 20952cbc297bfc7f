# Sourced, not run: Debian's packages for this machine and, unpacked into a folder, for others.
# Nothing here changes which architectures the machine's own dpkg knows.

firmware=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$firmware")
target_dir=${CARGO_TARGET_DIR:-$repository/target}
cache=$target_dir/firmware-debian

# install PACKAGE...: those that are missing, on this machine.
install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi
  if [[ $EUID -ne 0 ]]; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

# foreign_apt ARCHITECTURE ARGUMENT...: apt-get with lists of its own for another architecture,
# from the sources and with the keys of this machine.
foreign_apt() {
  local state=$cache/apt-$1 sources=/etc/apt/sources.list.d/debian.sources
  [[ -e $sources ]] || sources=/etc/apt/sources.list
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  touch "$state/status"
  apt-get -q -o APT::Architecture="$1" -o APT::Architectures="$1" \
    -o Dir::Etc::sourcelist="$sources" -o Dir::Etc::sourceparts=- \
    -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
    -o APT::Sandbox::User=root "${@:2}" >&2
}

# download ARCHITECTURE PACKAGE[=VERSION]: prints the package's file.
download() {
  local folder=$cache/packages/$1/$2
  if [[ ! -e $folder ]]; then
    compgen -G "$cache/apt-$1/lists/*_Packages*" > /dev/null || foreign_apt "$1" update
    rm -rf "$folder.part"
    mkdir -p "$folder.part"
    (cd "$folder.part" && foreign_apt "$1" download "$2")
    mv "$folder.part" "$folder"
  fi
  echo "$folder"/*.deb
}

# unpack ARCHITECTURE PACKAGE[=VERSION]: prints the folder that holds the package's files.
unpack() {
  local root=$cache/$1/$2
  if [[ ! -e $root ]]; then
    rm -rf "$root.part"
    mkdir -p "$root.part"
    dpkg-deb -x "$(download "$1" "$2")" "$root.part"
    mv "$root.part" "$root"
  fi
  echo "$root"
}
