internal import GRDB
internal import CHiredis
