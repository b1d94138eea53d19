# zsh as its user has it: types a line and a tab in a terminal of its own, and prints what the line has become.
zmodload zsh/zpty
zpty shell zsh -f -i
reply() { local all part; while zpty -r shell part "*$1*"; do all+=$part; [[ $all == *$1* ]] && break; done; line=$all; }
zpty -w shell 'PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste beep'
# What has become of the line is written between two marks, which nobody types.
zpty -w shell 'show() { print -r -- "<${:-<}$BUFFER>${:->}" }; zle -N show; bindkey "^X" show; print -r "rea${:-}dy"'
reply ready
zpty -w -n shell "$1"$'\t\x18'
reply '>>'
line=${line##*<<}
print -r -- "${line%%>>*}"
zpty -d shell
