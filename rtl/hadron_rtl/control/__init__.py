"""The command side: fetch, dispatch, transfers, and the loop nest of EXECUTE."""
