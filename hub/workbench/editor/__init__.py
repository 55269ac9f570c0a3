"""The language server: what editors show of schema files while they are written.

`server` speaks the Language Server Protocol (with pygls, the extra ``hub[editor]``) and knows nothing else; `project`
keeps what is known of a deployment and of the texts that aren't saved yet; `cursor` finds out what stands at a place;
`diagnostics`, `hover`, `completion`, `definition`, `symbols` and `actions` answer with lsprotocol's types. Import
`hub.workbench.editor.server` from the command that starts it, and nothing from elsewhere.
"""
