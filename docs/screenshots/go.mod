// There is no Go here: as a module of its own, this folder stays out of the download of the module around it.
module github.com/onelicense/onelicense/docs/screenshots

go 1.26.0
